//! A repository from its beginning to its end.
