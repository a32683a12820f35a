"""Everything that arrives: messages, calls and reports."""
