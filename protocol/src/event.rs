//! A lenient, typed read model of error events, as SDKs of ten years send them.
