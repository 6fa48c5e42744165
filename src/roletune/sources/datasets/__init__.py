"""What other projects train on and leave on disk: rows and chats in JSON."""
