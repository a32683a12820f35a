"""What the code asks of the translations, as far as it can be read without running it."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from homeassistant.const import Platform

from .reading import modules

FLOWS = {
    "SubentryFlow": "config_subentries",
    "OptionsFlow": "options",
    "RepairsFlow": "issues",
    "ConfigFlow": "config",
}
SHOWS_A_STEP = {"async_show_form", "async_show_menu", "async_show_progress", "async_external_step"}
ABORTS = {
    "async_abort", "async_update_and_abort", "async_update_reload_and_abort", "_abort_if_unique_id_mismatch",
}  # fmt: skip


type Constants = dict[str, set[str]]
# A key with the placeholders that it is given; None where they can't be seen.
type Given = tuple[str, set[str] | None]


@dataclass(slots=True)
class Uses:
    """The keys that the code uses."""

    literals: set[str] = field(default_factory=set)  # every string of the code
    exceptions: list[Given] = field(default_factory=list)
    issues: list[Given] = field(default_factory=list)
    entities: set[tuple[str, str]] = field(default_factory=set)  # platform ("" where unknown), key
    classed: set[str] = field(default_factory=set)  # entities whose device class brings an icon
    nameless: set[str] = field(default_factory=set)  # entities with the name of their device
    selectors: set[str] = field(default_factory=set)
    flows: set[tuple[str, str, str]] = field(default_factory=set)  # section ("" where unknown), part, key


class Reader(ast.NodeVisitor):
    """Collects the uses of one module."""

    def __init__(self, uses: Uses, path: Path, known: Constants, own: Constants) -> None:
        self.uses = uses
        self.platform = path.stem if path.stem in set(Platform) else ""
        self.known = known
        self.own = own
        self.section = ""
        self.wrappers: dict[str, tuple[int | None, str]] = {}  # functions that take the key as a parameter
        self.functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
        self.calls: list[ast.Call] = []

    def values(self, node: ast.AST | None) -> set[str]:
        """Return the strings that an expression can be, none where that can't be seen."""
        match node:
            case ast.Constant(value=str(value)):
                return {value}
            case ast.Name(id=name) if name.isupper():
                return self.own.get(name) or self.known.get(name, set())
            case ast.Attribute(attr=name):
                return self.known.get(name, set())
            case ast.IfExp(body=body, orelse=orelse):
                return self.values(body) | self.values(orelse)
            case ast.Dict(keys=keys, values=values):  # {"base": "cannot_connect"}
                return set().union(
                    *(self.values(value) for key, value in zip(keys, values, strict=True) if key)
                )
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return set().union(*(self.values(element) for element in elements))
        return set()

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.uses.literals.add(node.value)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outside = self.section
        bases = [ast.unparse(base) for base in node.bases]
        ends = (section for base in bases for end, section in FLOWS.items() if base.endswith(end))
        self.section = next(ends, outside)
        named = {name: value for item in node.body for name, value in assigned(item)}
        keys = self.values(named.get("_attr_translation_key"))
        self._entity(keys, device_class="_attr_device_class" in named, name=named.get("_attr_name"))
        self.generic_visit(node)
        self.section = outside

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.uses.literals.add(node.name)  # async_step_user shows the step user
        self.functions.append(node)
        self.generic_visit(node)
        self.functions.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = _visit_function  # noqa: N815 - ast calls it so

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._assigned(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._assigned(node.target, node.value)
        self.generic_visit(node)

    def _assigned(self, target: ast.expr, value: ast.expr | None) -> None:
        match target:
            case ast.Name(id="_attr_translation_key") | ast.Attribute(attr="_attr_translation_key"):
                self.uses.entities |= {(self.platform, key) for key in self.values(value)}
            case ast.Subscript(value=ast.Name(id="errors")) | ast.Name(id="errors"):
                self._flow("error", value)

    def visit_Call(self, node: ast.Call) -> None:
        name = called(node)
        given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        self.calls.append(node)
        if "translation_key" in given:
            self._translation_key(name, given)
        if name in SHOWS_A_STEP:
            self._flow("step", given.get("step_id"))
            self._flow("error", given.get("errors"))
            self._flow("progress", given.get("progress_action"))
            if isinstance(menu := given.get("menu_options"), ast.List | ast.Tuple):
                for step in self.values(given.get("step_id")):
                    self._flow(f"step.{step}.menu_options", menu)
        if name in ABORTS:
            self._flow("abort", given.get("reason"))
        if name == "AbortFlow" and node.args:
            self._flow("abort", node.args[0])
        self.generic_visit(node)

    def _flow(self, part: str, node: ast.AST | None) -> None:
        self.uses.flows |= {(self.section, part, key) for key in self.values(node)}

    def _translation_key(self, name: str, given: dict[str, ast.expr]) -> None:
        node = given["translation_key"]
        keys = self.values(node)
        if name.endswith(("create_issue", "IssueData")):
            self.uses.issues += [(key, filled(given)) for key in keys]
        elif "translation_domain" in given or name.endswith(("Error", "Failed", "NotReady")):
            self.uses.exceptions += [(key, filled(given)) for key in keys]
            self._note_wrapper(node)
        elif "Selector" in name:
            self.uses.selectors |= keys
        elif name.endswith("Description"):
            self.uses.entities |= {(self.platform, key) for key in keys}
            self._entity(keys, device_class="device_class" in given, name=given.get("name"))

    def _entity(self, keys: set[str], *, device_class: bool, name: ast.expr | None) -> None:
        if device_class:
            self.uses.classed |= keys
        if isinstance(name, ast.Constant) and name.value is None:
            self.uses.nameless |= keys

    def _note_wrapper(self, node: ast.expr) -> None:
        if not self.functions or not isinstance(node, ast.Name):
            return
        function = self.functions[-1]
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        names = names[1:] if names[:1] in (["self"], ["cls"]) else names
        if node.id in (*names, *(argument.arg for argument in function.args.kwonlyargs)):
            self.wrappers[function.name] = (names.index(node.id) if node.id in names else None, node.id)

    def follow(self, wrappers: dict[str, tuple[int | None, str]]) -> None:
        """Take the keys that are handed to the wrappers."""
        for call in self.calls:
            if called(call) not in wrappers:
                continue
            position, name = wrappers[called(call)]
            nodes = [keyword.value for keyword in call.keywords if keyword.arg == name]
            if not nodes and position is not None:
                nodes = call.args[position : position + 1]
            self.uses.exceptions += [(key, None) for node in nodes for key in self.values(node)]


def called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def filled(given: dict[str, ast.expr]) -> set[str] | None:
    """Return the placeholders that a call fills, None where that can't be seen."""
    match given.get("translation_placeholders"):
        case None:
            return set()
        case ast.Dict(keys=keys):
            names = {
                key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
            return names if len(names) == len(keys) else None
    return None


def assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value


def constants(tree: ast.Module) -> Constants:
    """Return the strings that stand under a name in a module or its classes."""
    found: Constants = defaultdict(set)
    for body in (tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))):
        for name, value in (pair for node in body for pair in assigned(node)):
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[name].add(value.value)
    return found


def read_uses(package: Path) -> Uses:
    """Return what a package uses; a key handed through a function is followed one step."""
    uses = Uses()
    sources = list(modules(package))
    known: Constants = defaultdict(set)
    for _, tree in sources:
        for name, values in constants(tree).items():
            known[name] |= values
    wrappers: dict[str, tuple[int | None, str]] = {}
    readers: list[Reader] = []
    for path, tree in sources:
        readers.append(reader := Reader(uses, path, known, constants(tree)))
        reader.visit(tree)
        wrappers |= reader.wrappers
    for reader in readers:
        reader.follow(wrappers)
    return uses
