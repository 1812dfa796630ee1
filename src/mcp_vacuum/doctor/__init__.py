"""What is wrong, hop by hop, and what to type: facts are gathered, judged by pure functions, then shown."""
