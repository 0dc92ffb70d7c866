"""Names that a parameter can have, where more than the table of parameters asks for them. Loads nothing."""

OPTIMIZERS = ("muon", "adamw", "adam")
SCHEDULES = ("cosine", "constant")
PRECISIONS = ("auto", "float32", "bfloat16")
DEVICES = ("auto", "cpu", "cuda")
