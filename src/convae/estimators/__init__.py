"""Estimators: what a user holds, by scikit-learn's contract; one job or variant a file, over one base."""
