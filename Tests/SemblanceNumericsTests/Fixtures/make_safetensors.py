"""Writes python.safetensors and its values as JSON. Run with safetensors 0.8.0, torch 2.13.0."""

import json
import torch
from safetensors.torch import save_file

torch.manual_seed(0)
x = torch.randn(3, 5)
halves = torch.tensor([0.0, -0.0, 1.0, 65504.0, 6e-8, -6.1e-5, 0.333251953125, float("inf"), float("-inf")])
tensors = {
    "matrix": x,
    "half": halves.to(torch.float16),
    "brain": x.to(torch.bfloat16),
    "vector": torch.arange(7, dtype=torch.float32) / 7,
    "number": torch.tensor(2.5),
    "cube": torch.arange(24, dtype=torch.float32).reshape(2, 3, 4),
    "empty": torch.zeros(0, 4),
    "long": torch.tensor([-(2**40), 0, 2**40]),
    "int": torch.tensor([-5, 7], dtype=torch.int32),
    "bool": torch.tensor([True, False]),
    "n\u00e4me \"quoted\" \\ \U0001f600": torch.ones(1),
}
save_file(tensors, "python.safetensors", metadata={"format": "pt", "note": "two\nlines"})
json.dump(
    {
        "matrix": x.flatten().tolist(),
        "brain": x.to(torch.bfloat16).float().flatten().tolist(),
        "half": halves.to(torch.float16).float().nan_to_num().tolist(),
        "vector": tensors["vector"].tolist(),
    },
    open("safetensors.json", "w"),
)
