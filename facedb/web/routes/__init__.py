"""What can be asked of the page: one module for each subject of the API, and one for the pages themselves."""
