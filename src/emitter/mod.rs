//! From a fact to a durable event: identity, context, the emitter.
