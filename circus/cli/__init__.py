"""The programs that people run: circusd and circusctl."""
