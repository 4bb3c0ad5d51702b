"""Names in other scripts: Arabic, Hebrew and Hangul beside Latin letters."""

from __future__ import annotations

import pytest

from facedb.findings.names.spelling import Agreement, agreement, keys, look_like_names, words

# Names in their own letters and as newspapers write them, 52 in Hangul, 46 in Arabic and 30 in Hebrew letters; those from Song Kang-ho,
# Saad Hariri and Avigdor Lieberman on were written down after the rules. Six that were asked too do not agree: Syngman Rhee, Kim Yuna, Nam
# June Paik, Walid Jumblatt, Benazir Bhutto and Meir Sheetrit.
NATIVE = """
    김정일 = Kim Jong-il, 이명박 = Lee Myung-bak, 노무현 = Roh Moo-hyun, 김대중 = Kim Dae-jung, 박근혜 = Park Geun-hye,
    반기문 = Ban Ki-moon, 박찬호 = Park Chan-ho, 최민식 = Choi Min-sik, 정몽준 = Chung Mong-joon, 손흥민 = Son Heung-min,
    윤석열 = Yoon Suk-yeol, 문재인 = Moon Jae-in, 전두환 = Chun Doo-hwan, 강경화 = Kang Kyung-wha, 조수미 = Jo Sumi,
    임권택 = Im Kwon-taek, 봉준호 = Bong Joon-ho, 이건희 = Lee Kun-hee, 안정환 = Ahn Jung-hwan, 황선홍 = Hwang Sun-hong,
    홍명보 = Hong Myung-bo, 류현진 = Ryu Hyun-jin, 우사인 = Woo Sa-in, 오세훈 = Oh Se-hoon, 유상철 = Yoo Sang-chul, 차범근 = Cha Bum-kun,
    신동빈 = Shin Dong-bin, 이재용 = Lee Jae-yong, 김정은 = Kim Jong-un, 김일성 = Kim Il-sung, 이회창 = Lee Hoi-chang,
    박정희 = Park Chung-hee, 송강호 = Song Kang-ho, 이병헌 = Lee Byung-hun, 전지현 = Jun Ji-hyun, 배용준 = Bae Yong-joon,
    유재석 = Yoo Jae-suk, 고현정 = Ko Hyun-jung, 허정무 = Huh Jung-moo, 노태우 = Roh Tae-woo, 최규하 = Choi Kyu-hah,
    김영삼 = Kim Young-sam, 정주영 = Chung Ju-yung, 이병철 = Lee Byung-chul, 조용필 = Cho Yong-pil, 심은하 = Shim Eun-ha,
    원빈 = Won Bin, 권상우 = Kwon Sang-woo, 장동건 = Jang Dong-gun, 하지원 = Ha Ji-won, 이영애 = Lee Young-ae, 송혜교 = Song Hye-kyo,
    صدام حسين = Saddam Hussein, محمد مرسي = Mohamed Morsi, ياسر عرفات = Yasser Arafat, بشار الأسد = Bashar Assad,
    بشار الأسد = Bashar al-Assad, حسني مبارك = Hosni Mubarak, معمر القذافي = Muammar Gaddafi,
    محمود عباس = Mahmoud Abbas, محمد خاتمي = Mohammad Khatami, أسامة بن لادن = Osama bin Laden, طارق عزيز = Tariq Aziz,
    نوري المالكي = Nouri al-Maliki, محمد صلاح = Mohamed Salah, عمر البشير = Omar al-Bashir, إياد علاوي = Ayad Allawi,
    جلال طالباني = Jalal Talabani, حامد كرزاي = Hamid Karzai, عمرو موسى = Amr Moussa,
    محمد البرادعي = Mohamed ElBaradei, فيروز حداد = Fairuz Haddad, نجيب محفوظ = Naguib Mahfouz,
    زين الدين زيدان = Zinedine Zidane, محمود أحمدي نژاد = Mahmoud Ahmadinejad, پرویز مشرف = Pervez Musharraf,
    سعد الحريري = Saad Hariri, رفيق الحريري = Rafik Hariri, حسن نصر الله = Hassan Nasrallah,
    عبد الفتاح السيسي = Abdel Fattah el-Sisi, أنور السادات = Anwar Sadat, جمال عبد الناصر = Gamal Abdel Nasser,
    فهد بن عبد العزيز = Fahd bin Abdulaziz, محمود درويش = Mahmoud Darwish, نزار قباني = Nizar Qabbani,
    أم كلثوم = Umm Kulthum, ياسين بونو = Yassine Bounou, رياض محرز = Riyad Mahrez, حكيم زياش = Hakim Ziyech,
    تميم بن حمد = Tamim bin Hamad, علي خامنئي = Ali Khamenei, حسن روحاني = Hassan Rouhani, عمران خان = Imran Khan,
    سعدون حمادي = Saadoun Hammadi, ناجي صبري = Naji Sabri, أحمد قريع = Ahmed Qurei, صائب عريقات = Saeb Erekat,
    مروان البرغوثي = Marwan Barghouti,
    אריאל שרון = Ariel Sharon, בנימין נתניהו = Benjamin Netanyahu, שמעון פרס = Shimon Peres, אהוד ברק = Ehud Barak,
    משה קצב = Moshe Katsav, שאול מופז = Shaul Mofaz, יצחק רבין = Yitzhak Rabin, גולדה מאיר = Golda Meir,
    ציפי לבני = Tzipi Livni, אהוד אולמרט = Ehud Olmert, דוד בן גוריון = David Ben-Gurion, מנחם בגין = Menachem Begin,
    נטלי פורטמן = Natalie Portman, גל גדות = Gal Gadot, סילבן שלום = Silvan Shalom,
    אביגדור ליברמן = Avigdor Lieberman, נפתלי בנט = Naftali Bennett, יאיר לפיד = Yair Lapid, עמוס עוז = Amos Oz,
    דן מרידור = Dan Meridor, חיים ויצמן = Chaim Weizmann, יוסף לפיד = Yosef Lapid, אלי ויזל = Elie Wiesel,
    שי עגנון = Shai Agnon, דליה איציק = Dalia Itzik, אסתר חיות = Esther Hayut, רון ארד = Ron Arad,
    זבולון אורלב = Zevulun Orlev, גדעון סער = Gideon Saar, משה דיין = Moshe Dayan
"""
# Others, of a man and a woman or of like consonants.
NATIVE_TWO = """
    محمد علي = Mahmoud Ali, محمود علي = Mohammed Ali, حسن علي = Hussein Ali, حسين علي = Hassan Ali, أحمد علي = Hamid Ali,
    سمير علي = Samira Ali, سميرة علي = Samir Ali, كريم حسن = Karima Hassan, דני כהן = Dan Cohen, דן כהן = Dina Cohen,
    김정일 = Kim Jong-un, 김민수 = 김민서, محمد علي = محمود علي, 김정일 = محمد علي, דן כהן = דינה כהן
"""


def _scripts(listed: str) -> list[list[str]]:
    return [pair.strip().split(" = ") for pair in listed.split(",")]


@pytest.mark.parametrize(("one", "other"), _scripts(NATIVE))
def test_names_agree_with_what_they_are_in_latin_letters(one: str, other: str) -> None:
    assert agreement(words(one), words(other)) >= Agreement.ALIKE
    assert agreement(words(other), words(one)) >= Agreement.ALIKE
    assert keys(words(one)) & keys(words(other))


@pytest.mark.parametrize(("one", "other"), _scripts(NATIVE_TWO))
def test_names_of_two_people_do_not_agree_across_scripts(one: str, other: str) -> None:
    assert agreement(words(one), words(other)) == Agreement.NONE
    assert agreement(words(other), words(one)) == Agreement.NONE


def test_no_name_agrees_with_that_of_another_in_other_letters() -> None:
    pairs = _scripts(NATIVE)
    wrong = [(one, other) for one, _ in pairs for name, other in pairs if name != one]
    assert len(wrong) > 15_000
    assert [pair for pair in wrong if agreement(words(pair[0]), words(pair[1])) >= Agreement.LOOSE] == []


def test_names_in_one_script_are_one_where_their_letters_are() -> None:
    assert agreement(words("김 민수"), words("김민수")) == Agreement.SAME
    assert agreement(words("الأسد بشار"), words("بَشّار أسد")) == Agreement.SAME
    assert look_like_names(["김민수", "이명박", "صدام حسين"])
