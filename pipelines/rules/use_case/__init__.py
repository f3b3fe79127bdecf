"""The contract, the policy and the run parameters of a use case."""
