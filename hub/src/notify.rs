//! Sends notifications: webhooks and e-mail.
