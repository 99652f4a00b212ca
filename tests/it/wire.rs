//! One TCP connection with two writers, over real loopback sockets: the library on one side, the
//! rooms on the other, and a client that reads what comes of it.

mod chunks;
mod closing;
mod held;
mod introduced;
mod pair;
mod slow;
