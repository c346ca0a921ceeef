//! Promises made to users, kept by the real programs: each test starts a hub and a relay of its
//! own on free ports and uses them from outside.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may be blunt"
)]

mod e2e {
    mod alerts;
    mod canaries;
    mod cardinality;
    mod carriers;
    mod clients;
    mod clocks;
    mod corpus;
    mod crashes;
    mod dictionaries;
    mod disks;
    mod failing_disks;
    mod floods;
    mod hostile;
    mod large;
    mod letters;
    mod links;
    mod partition;
    mod power;
    mod proxies;
    mod recordings;
    mod scarcity;
    mod sdks;
    mod slow_clients;
    mod slow_disks;
    mod smuggling;
    mod storms;
    mod sums;
    mod tail;
    mod units;
    mod upgrade;
    mod walk;
    mod watchdog;
}
