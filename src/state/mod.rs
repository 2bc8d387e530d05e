//! The sled store: clock leases, delivery ledger, view. Knows positions only.
