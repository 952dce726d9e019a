"""Encoder classifiers: sequence-classification models of Hugging Face transformers, by torch or ONNX Runtime; and what is learnt from them."""
