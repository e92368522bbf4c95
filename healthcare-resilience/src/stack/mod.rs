//! Several policies as one, in an order that is checked when it is built.
