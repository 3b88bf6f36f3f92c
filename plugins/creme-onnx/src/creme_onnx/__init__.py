"""Networks in ONNX files, for creme-toolkit."""
