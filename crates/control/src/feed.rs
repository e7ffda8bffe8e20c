//! How triggers reach functions: the same way as everybody else's calls.

use crate::{Invocation, InvokeError, Runner};
use bytes::Bytes;
use std::sync::Arc;
use triggers::{Answer, Called, Handler};

/// Hands the triggers' batches to whoever runs functions.
pub(crate) struct Feed(pub Arc<dyn Runner>);

impl Handler for Feed {
    fn call(&self, function: &str, payload: Bytes, depth: u8) -> Answer<'_> {
        let call = self.0.call(function, Invocation { payload, client_context: None, depth, request_id: None });
        Box::pin(async move {
            match call.await {
                Ok(outcome) => match outcome.error {
                    None => Called::Answered { payload: outcome.payload, request_id: outcome.request_id },
                    Some(kind) => Called::Failed {
                        kind: kind.to_owned(),
                        payload: outcome.payload,
                        request_id: outcome.request_id,
                    },
                },
                Err(InvokeError::NotFound) => Called::Gone,
                Err(error @ (InvokeError::Throttled(_) | InvokeError::Closed)) => {
                    Called::Throttled { why: error.to_string() }
                }
                // Never called: there is no request of the function's to name.
                Err(error @ InvokeError::PayloadTooLarge) => Called::Failed {
                    kind: "Unhandled".to_owned(),
                    payload: serde_json::json!({ "errorMessage": error.to_string() }).to_string().into(),
                    request_id: String::new(),
                },
            }
        })
    }
}
