"""Git: the person's repository, private git directories, and trees that agents write."""
