"""Parity: rustlstm against PyTorch and against ONNX's LSTM operator, on the same numbers.

`problem` draws the numbers, `ours`, `torch_reference` and `onnx_model` each turn them into results under the same
names, `compare` measures how far two results are apart.
"""
