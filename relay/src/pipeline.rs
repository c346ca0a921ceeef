//! The one function that lists the steps an envelope takes, in order.
