//! What the end-to-end tests, the demo and the benchmark share: real programs in a directory of
//! their own, real requests, and waiting for conditions.

pub mod api;
pub mod bench;
pub mod chance;
pub mod image;
pub mod impair;
pub mod load;
pub mod oracle;
pub mod preload;
pub mod process;
pub mod samples;
pub mod scale;
pub mod sim;
pub mod site;
pub mod wait;
