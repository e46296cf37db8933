"""Writes operations.json, the list of CloudTrail's operations that the table is held against.

The facts are those of botocore's service model, in the Python environment of the tests:

    eval "$(localstack/localstack env)"
    python3 crates/api/tests/operations.py > crates/api/tests/operations.json
"""

import json
import sys

from botocore.session import get_session

model = get_session().get_service_model("cloudtrail")


def facts(name):
    operation = model.operation_model(name)
    shape = operation.input_shape
    return {
        "name": name,
        "required": sorted(shape.required_members) if shape else [],
        "members": sorted(shape.members) if shape else [],
        "exceptions": sorted(error.name for error in operation.error_shapes),
    }


# An operation a line, so that what a newer model adds shows.
lines = ",\n".join(json.dumps(facts(name)) for name in sorted(model.operation_names))
sys.stdout.write(f"[\n{lines}\n]\n")
