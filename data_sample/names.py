"""Fictional names for the sample class."""

from __future__ import annotations

WOMEN = (
    "Abril Montemayor Ríos", "Camila Zúñiga Peralta", "Daniela Ibáñez Castro", "Fernanda Quiñones Lara",
    "Itzel Barragán Núñez", "Jimena Cárdenas Ochoa", "Lucía Valdés Arriaga", "María José Téllez Robles",
    "Natalia Güémez Solís", "Paulina Echeverría Mora", "Regina Sepúlveda León", "Sofía Alcántara Vega",
    "Valeria Ordóñez Pineda", "Ximena Bermúdez Salas", "Renata Olvera Muñiz", "Mónica Galván Rosales",
)  # fmt: skip

MEN = (
    "Adrián Cervantes Luna", "Bruno Villaseñor Paz", "César Augusto Nájera Gil", "Diego Armendáriz Soto",
    "Emiliano Peña Duarte", "Gael Figueroa Méndez", "Héctor Iván Saldaña Cruz", "Joaquín Ávila Treviño",
    "Leonardo Muñoz Carrillo", "Matías Rendón Espino", "Óscar Beltrán Híjar", "Rodrigo Santillán Meza",
    "Sebastián Lozano Ibarra", "Tomás Aguiñaga Reyes", "Víctor Escalante Ruiz", "Andrés Padilla Bañuelos",
)  # fmt: skip
