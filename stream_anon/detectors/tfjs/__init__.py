"""Graph models of TensorFlow.js, read and rebuilt with OpenVINO's operations; no TensorFlow."""
