"""The recipes behind Tests/Fixtures/oracles; make_oracles.py is the command that runs them."""
