//! Chains that something came in between of: they are what they would have been without it.
