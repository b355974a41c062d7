"""Writes optimizers.json: parameters after each of 5 steps of torch's optimizers. Run with torch 2.13.0."""

import json
import torch

torch.manual_seed(0)
ROWS, COLUMNS, STEPS = 5, 19, 5
start = torch.randn(ROWS, COLUMNS)
gradients = [torch.randn(ROWS, COLUMNS) * 10.0 ** -k for k in range(STEPS)]
touched = [[0, 3], [3], [1, 2, 3], [0, 4], [2]]


def run(make, sparse):
    parameter = torch.nn.Parameter(start.clone())
    optimizer = make([parameter])
    states = []
    for gradient, rows in zip(gradients, touched):
        if sparse:
            parameter.grad = torch.sparse_coo_tensor(torch.tensor([rows]), gradient[rows], gradient.shape).coalesce()
        else:
            parameter.grad = gradient.clone()
        optimizer.step()
        states.append(parameter.detach().flatten().tolist())
    return states


json.dump(
    {
        "rows": ROWS,
        "columns": COLUMNS,
        "start": start.flatten().tolist(),
        "gradients": [g.flatten().tolist() for g in gradients],
        "touched": touched,
        "adam": run(lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1), False),
        "adamRows": run(lambda p: torch.optim.SparseAdam(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8), True),
        "adagrad": run(lambda p: torch.optim.Adagrad(p, lr=0.2, eps=1e-10), False),
        "adagradRows": run(lambda p: torch.optim.Adagrad(p, lr=0.2, eps=1e-10), True),
    },
    open("optimizers.json", "w"),
)
