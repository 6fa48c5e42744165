from roletune.verbs.load import load as load

__version__: str
