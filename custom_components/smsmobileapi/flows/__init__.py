"""The dialogs for accounts, contacts and options."""
