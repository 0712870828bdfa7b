"""What is measured against what: every figure stands beside a limit that the same run measured on the same machine."""
