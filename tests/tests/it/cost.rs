//! What a task may ask of AWS.
