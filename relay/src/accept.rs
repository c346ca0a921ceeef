//! Takes requests of SDKs over HTTP and answers them.
