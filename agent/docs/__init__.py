"""Generated documentation: `python -m agent.docs` writes it, `--check` fails when it has drifted from the code.

One file for each kind of page. It needs a checkout: the examples of findings come from the tests.
"""
