//! The spool's promises.

mod balance;
mod dictionaries;
mod encrypted;
mod erase;
mod fair;
mod faults;
mod index;
mod inspect;
mod kill;
mod live;
mod memory;
mod oracle;
mod parts;
mod promises;
mod retained;
mod rounds;
mod support;
mod time;
mod under_way;
