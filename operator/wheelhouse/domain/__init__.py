"""Values: frozen, slotted, standard library only."""
