"""The README's two programs, as they stand there, talk to each other and to the command."""
import unittest

import chapter
import holler_test


class Readme(unittest.TestCase):
    def setUp(self):
        self.namespace = self.enterContext(chapter.Namespace("readme"))

    def ask(self, *command):
        """Asks until the server listens, which does not say so."""
        def answer():
            with chapter.Running([*self.namespace.prefix, *command]) as asker:
                code, lines, _ = asker.result()
            return lines if code == 0 else None
        return holler_test.wait_until(answer, "the server answers")

    def test_the_client_is_answered_by_the_server(self):
        with chapter.program("readme_server", namespace=self.namespace):
            self.assertEqual(["Your data was 23 bytes long"], self.ask(holler_test.program("readme_client")))

    def test_the_client_says_why_it_has_no_answer(self):
        code, lines, errors = chapter.run("readme_client", namespace=self.namespace)
        self.assertEqual((1, []), (code, lines))
        self.assertIn("refused", errors)


if __name__ == "__main__":
    chapter.main()
