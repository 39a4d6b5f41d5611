"""Many desks, one view: what agents say of themselves, and what follows from all of it. Pure."""
