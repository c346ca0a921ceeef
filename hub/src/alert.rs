//! Turns changes of issues into notifications, by rules and on a schedule.
