//! An issue's states and what moves it from one to the next.
