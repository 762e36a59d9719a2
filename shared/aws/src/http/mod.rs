//! One HTTP client under all AWS clients, with a compiled-in CA set.
