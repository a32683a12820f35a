"""Automations that send messages, what they were told of each, and what the service has: what became of the messages."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product

from simulator import SentMessage
from tests.e2e.configuration import DOMAIN, REPORTED
from tests.e2e.websocket import Json

SEND_EVENT = "chaos_send"
MAYBE = "may have been sent"


class Mode(StrEnum):
    """The modes of the automations."""

    RESTART = "restart"
    PARALLEL = "parallel"
    QUEUED = "queued"


class Kind(StrEnum):
    """How a message is sent: by the action, by the action with `retry_for`, by a contact's notify entity."""

    ACTION = "action"
    RETRY = "retry_for"
    NOTIFY = "notify"


def _automation(mode: Mode) -> Json:
    data = "trigger.event.data"
    send = {
        "action": f"{DOMAIN}.send_message",
        "data": {
            # In a list, a number stays a string.
            "recipients": f"{{{{ [{data}.recipient] }}}}",
            "message": f"{{{{ {data}.text }}}}",
            "urgent": f"{{{{ {data}.urgent }}}}",
            "retry_for": f"{{{{ '00:05:00' if {data}.kind == '{Kind.RETRY}' else '00:00:00' }}}}",
        },
        "response_variable": "answer",
    }
    notify = {
        "action": "notify.send_message",
        "target": {"entity_id": f"notify.{{{{ {data}.recipient | lower }}}}"},
        "data": {"message": f"{{{{ {data}.text }}}}"},
    }
    is_notify = f"{{{{ {data}.kind == '{Kind.NOTIFY}' }}}}"
    common = {"text": f"{{{{ {data}.text }}}}", "context": "{{ context.id }}"}
    return {
        "alias": f"Send {mode}",
        "mode": mode,
        **({} if mode is Mode.RESTART else {"max": 1000}),
        "triggers": [{"trigger": "event", "event_type": SEND_EVENT, "event_data": {"mode": mode}}],
        "actions": [
            {"action": "event_writer.write", "data": {"step": "begun", **common}},
            {"if": is_notify, "then": [notify], "else": [send]},
            {
                "action": "event_writer.write",
                "data": {"step": "done", **common, "answer": "{{ answer.recipients if answer else [] }}"},
            },
        ],
    }


_REPORTS: Json = {
    "alias": "Write down every report",
    "mode": "parallel",
    "max": 1000,
    "triggers": [{"trigger": "event", "event_type": REPORTED}],
    "actions": [
        {
            "action": "event_writer.write",
            "data": {"step": "report", "report": "{{ trigger.event.data }}", "context": "{{ trigger.event.context.id }}"},
        }
    ],
}  # fmt: skip
AUTOMATIONS = {**{f"send_{mode}": _automation(mode) for mode in Mode}, "reports": _REPORTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A message that an automation was triggered to send; `number` is that of the recipient."""

    text: str
    mode: Mode
    kind: Kind
    recipient: str
    number: str

    def as_event_data(self) -> Json:
        return {"text": self.text, "mode": self.mode, "kind": self.kind, "recipient": self.recipient}


class Verdict(StrEnum):
    """What became of a message. The last four are failures."""

    ARRIVED = "arrived once"
    FAILED = "reported failed"
    UNKNOWN = "perhaps sent"
    NOT_BEGUN = "not begun"
    LOST = "lost"
    DOUBLED = "doubled"
    FALSE = "failed, arrived"
    WRONG = "wrong number"


_GOOD = (Verdict.ARRIVED, Verdict.FAILED, Verdict.UNKNOWN, Verdict.NOT_BEGUN)


@dataclass(slots=True)
class _Run:
    """What was written down about a message: its run's begin and errors, and its reports."""

    has_begun: bool = False
    errors: list[str] = field(default_factory=list)
    reports: list[Json] = field(default_factory=list)

    @property
    def is_failed(self) -> bool:
        return any(MAYBE not in error for error in self.errors) or self._has("failed")

    @property
    def is_unknown(self) -> bool:
        return any(MAYBE in error for error in self.errors) or self._has("unknown")

    def _has(self, status: str) -> bool:
        return any(report["status"] == status for report in self.reports)


def _verdict(message: Planned, run: _Run, arrived: Sequence[SentMessage]) -> Verdict:
    if any(sent.recipient != message.number for sent in arrived):
        return Verdict.WRONG
    if len(arrived) > 1:
        return Verdict.DOUBLED
    if arrived:
        return Verdict.FALSE if run.is_failed else Verdict.ARRIVED
    if run.is_failed:
        return Verdict.FAILED
    if run.is_unknown:
        return Verdict.UNKNOWN
    return Verdict.LOST if run.has_begun else Verdict.NOT_BEGUN


@dataclass(slots=True)
class Tally:
    """The verdict on each message, and what automations and users were told."""

    verdicts: dict[Planned, Verdict]
    told: Counter[str]
    unmatched: list[Json]

    @classmethod
    def of_run(cls, planned: Sequence[Planned], sent: Sequence[SentMessage], lines: Sequence[Json]) -> Tally:
        arrived: dict[str, list[SentMessage]] = defaultdict(list)
        for one in sent:
            arrived[one.fields["message"]].append(one)
        runs = {message.text: _Run() for message in planned}
        told: Counter[str] = Counter()
        by_run: dict[str, str] = {}
        by_context: dict[str, str] = {}
        by_id = {one.guid: one.fields["message"] for one in sent}
        for line in lines:
            match line:
                case {"step": "begun", "text": text}:
                    runs[text].has_begun = True
                    by_run[line["run"]] = by_context[line["context"]] = text
                case {"step": "done", "text": text}:
                    by_id |= {answer["message_id"]: text for answer in line["answer"]}
                case {"error": error, "run": run}:
                    told[error.rpartition(": ")[2]] += 1
                    if run in by_run:
                        runs[by_run[run]].errors.append(error)
        unmatched = []
        # A report that comes after a restart has no context, and a message that was never accepted no id that is known here.
        for line in [line for line in lines if line.get("step") == "report"]:
            report = line["report"]
            told[f"report {report['status']} {report['error'] or ''}"] += 1
            text = by_context.get(line["context"]) or by_id.get(report["message_id"])
            # That a message of which no more is known here was sent says nothing.
            if text is None and report["status"] != "sent":
                text = _best_match(planned, runs, arrived, report)
                if text is None:
                    unmatched.append(report)
            if text:
                runs[text].reports.append(report)
        verdicts = {
            message: _verdict(message, runs[message.text], arrived[message.text]) for message in planned
        }
        return cls(verdicts, told, unmatched)

    @property
    def bad(self) -> dict[Planned, Verdict]:
        return {message: verdict for message, verdict in self.verdicts.items() if verdict not in _GOOD}

    def of(self, verdict: Verdict) -> list[Planned]:
        return [message for message, other in self.verdicts.items() if other is verdict]

    def print(self) -> None:
        """Print how many messages of each mode and kind ended how, and what was told how often."""
        counts = Counter((message.mode, message.kind, verdict) for message, verdict in self.verdicts.items())
        print(f"\n    {'':20} {'all':>5}" + "".join(f"{verdict:>17}" for verdict in Verdict))
        for mode, kind in product(Mode, Kind):
            row = [counts[mode, kind, verdict] for verdict in Verdict]
            print(f"    {f'{mode} {kind}':20} {sum(row):5}" + "".join(f"{count:17}" for count in row))
        total = [len(self.of(verdict)) for verdict in Verdict]
        print(f"    {'':20} {sum(total):5}" + "".join(f"{count:17}" for count in total) + "\n")
        for text, count in self.told.most_common():
            print(f"    {count:5} times: {text}")


def _best_match(
    planned: Sequence[Planned],
    runs: dict[str, _Run],
    arrived: dict[str, list[SentMessage]],
    report: Json,
) -> str | None:
    """Return the text of a message to the number of a report: best one that has not arrived and of which nothing was told."""
    begun = [
        message.text
        for message in planned
        if message.number == report["recipient"] and runs[message.text].has_begun
    ]
    return min(
        begun,
        key=lambda text: (bool(arrived[text]), runs[text].is_failed or runs[text].is_unknown),
        default=None,
    )
