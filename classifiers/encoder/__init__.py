"""Encoder classifiers: sequence-classification models of Hugging Face transformers, by torch or ONNX Runtime."""
