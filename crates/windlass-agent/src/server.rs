//! Reads requests from the controller and answers them.
