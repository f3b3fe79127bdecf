"""Score files: all columns of the rows come back with scores, and refused rows go to quarantine.

A row is read, scored and flagged exactly as the scoring server does it.
"""
