//! The queues on SQS.
