"""Writes transformer.json: torch's attention, layer norm and activations with their gradients. Run with torch 2.13.0."""

import json
import torch

torch.manual_seed(0)
HEADS, WIDTH, WINDOW, OFFSETS = 2, 5, 4, [0, 3, 22]


def rounded(*shape):
    """Numbers that float32 holds, as float64: torch computes with all digits."""
    return torch.randn(*shape).double().requires_grad_()


def flat(x):
    return [float(f"{v:.9g}") for v in x.detach().flatten().tolist()]


def case(inputs, output):
    d = torch.randn(*output.shape).double()
    gradients = torch.autograd.grad(output, inputs, d)
    return {"inputs": [flat(x) for x in inputs], "output": flat(output), "dOutput": flat(d),
            "gradients": [flat(g) for g in gradients]}


def attention(qkv, bias, window):
    parts = []
    for first, end in zip(OFFSETS, OFFSETS[1:]):
        q, k, v = (qkv[first:end, i].transpose(0, 1) for i in range(3))
        distance = torch.arange(end - first)[None, :] - torch.arange(end - first)[:, None]
        mask = bias[:, distance.clamp(-3, 3) + 3]
        if window is not None:
            mask = mask.masked_fill(distance.abs() > window, float("-inf"))
        parts.append(torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(0, 1))
    return torch.cat(parts)


result = {}
for name, window in [("attention", None), ("windowed attention", WINDOW)]:
    qkv, bias = rounded(OFFSETS[-1], 3, HEADS, WIDTH), rounded(HEADS, 7)
    result[name] = case([qkv, bias], attention(qkv, bias, window))
x, gamma, beta = rounded(4, 21), rounded(21), rounded(21)
result["layer norm"] = case([x, gamma, beta], torch.nn.functional.layer_norm(x, [21], gamma, beta, 0.01))
for name, function in [
    ("gelu", torch.nn.functional.gelu),
    ("geluTanh", lambda x: torch.nn.functional.gelu(x, approximate="tanh")),
    ("relu", torch.nn.functional.relu), ("silu", torch.nn.functional.silu), ("tanh", torch.tanh),
]:
    x = (torch.randn(1, 37) * 3).double().requires_grad_()
    result[name] = case([x], function(x))
json.dump(result, open("transformer.json", "w"))
