//! Envelopes: the lines and payloads that SDKs post, cut without copying.
